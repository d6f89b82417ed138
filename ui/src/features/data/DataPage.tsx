import { usePoll } from '../../api/poll';
import type { Arrival, DataVersion, Gate } from '../../api/types';
import { Link } from '../../app/router';
import { Badge, VerdictBadge } from '../../components/Badge';
import { Card, Empty } from '../../components/Card';
import { bytes, plural, shortHash } from '../../components/format';
import { GateReport } from '../../components/GateReport';
import { Loaded, Page } from '../../components/Page';
import { Ago } from '../../components/Time';

export default function DataPage() {
  const versions = usePoll<{ versions: DataVersion[] }>('/api/v1/data/versions', 3000);
  const arrivals = usePoll<{ arrivals: Arrival[] }>('/api/v1/data/arrivals', 3000);
  const gates = usePoll<{ reports: Gate[] }>('/api/v1/gates?gate=data&limit=20', 3000);
  return (
    <Page title="Data" lead="What arrived, what the gate said about it, and what is under version control.">
      <Loaded from={gates}>{({ reports }) => <Judgements reports={reports} />}</Loaded>
      <Loaded from={versions}>{({ versions }) => <Versions versions={versions} />}</Loaded>
      <Loaded from={arrivals}>{({ arrivals }) => <Arrivals arrivals={arrivals} />}</Loaded>
    </Page>
  );
}

function Judgements({ reports }: { reports: Gate[] }) {
  return (
    <Card title="Data gate" aside={reports.length > 0 && plural(reports.length, 'report')}>
      {reports.length === 0 && <Empty title="Nothing was judged yet">Every file is held against the contract before anything is trained on it.</Empty>}
      {reports.map((report, index) => (
        <details key={report.id ?? `${report.subject}-${report.time}`} className="fold" open={index === 0 && report.verdict === 'fail'}>
          <summary>
            <VerdictBadge verdict={report.verdict} />
            <span className="fold-title">{report.summary}</span>
            <Ago time={report.time} />
          </summary>
          <GateReport gate={report} />
        </details>
      ))}
    </Card>
  );
}

function Versions({ versions }: { versions: DataVersion[] }) {
  if (versions.length === 0) {
    return (
      <Card title="Versions">
        <Empty title="Nothing is under version control yet">Files that passed the gate are kept by their content, and the commit that holds them is told here.</Empty>
      </Card>
    );
  }
  return (
    <Card title="Versions" aside={plural(versions.length, 'file')}>
      <div className="table-scroll">
        <table className="list">
          <thead>
            <tr>
              <th scope="col">Path</th>
              <th scope="col" className="right">
                Size
              </th>
              <th scope="col">MD5</th>
              <th scope="col">Commit</th>
              <th scope="col">Versioned</th>
            </tr>
          </thead>
          <tbody>
            {versions.toSorted((a, b) => b.id - a.id).map((version) => (
              <tr key={version.id}>
                <td>{version.path}</td>
                <td className="num right nowrap">{bytes(version.size)}</td>
                <td className="mono">{version.md5}</td>
                <td className="mono">{version.commit ? shortHash(version.commit) : '–'}</td>
                <td className="nowrap">
                  <Ago time={version.time} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Card>
  );
}

function Arrivals({ arrivals }: { arrivals: Arrival[] }) {
  if (arrivals.length === 0) {
    return (
      <Card title="Arrivals">
        <Empty title="No file has arrived yet">A file counts once it is complete.</Empty>
      </Card>
    );
  }
  return (
    <Card title="Arrivals" aside={plural(arrivals.length, 'file')}>
      <div className="table-scroll">
        <table className="list">
          <thead>
            <tr>
              <th scope="col">Path</th>
              <th scope="col" className="right">
                Size
              </th>
              <th scope="col">Arrived</th>
              <th scope="col">Taken up by</th>
            </tr>
          </thead>
          <tbody>
            {arrivals.map((arrival) => (
              <tr key={arrival.id}>
                <td>{arrival.path}</td>
                <td className="num right nowrap">{bytes(arrival.size)}</td>
                <td className="nowrap">
                  <Ago time={arrival.time} />
                </td>
                <td>{arrival.claimed_by ? <Link href={`/pipelines/${encodeURIComponent(arrival.claimed_by)}`}>{arrival.claimed_by}</Link> : <Badge tone="active">waiting</Badge>}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Card>
  );
}
