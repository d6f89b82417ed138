interface TrafficBarProps {
  champion: number | null;
  candidate: number | null;
  weight: number;
}

/** How the traffic is split, at this moment. */
export function TrafficBar({ champion, candidate, weight }: TrafficBarProps) {
  const share = candidate === null ? 0 : weight;
  const stable = champion === null ? 0 : 100 - share;
  const said = [champion !== null && `v${champion} gets ${stable} %`, candidate !== null && `v${candidate} gets ${share} %`].filter(Boolean).join(', ');
  return (
    <div className="traffic" role="img" aria-label={said ? `Traffic: ${said}` : 'No traffic is served yet'}>
      <div className="traffic-labels">
        <span>{champion === null ? 'no champion yet' : <Share version={champion} percent={stable} />}</span>
        {candidate !== null && (
          <span className="traffic-candidate">
            <Share version={candidate} percent={share} />
          </span>
        )}
      </div>
      <div className="traffic-bar">
        <div className="traffic-stable" style={{ flexGrow: stable }} />
        <div className="traffic-canary" style={{ flexGrow: share, marginLeft: share > 0 && stable > 0 ? 3 : 0 }} />
      </div>
    </div>
  );
}

function Share({ version, percent }: { version: number; percent: number }) {
  return (
    <>
      v{version} <strong className="num">{percent} %</strong>
    </>
  );
}
