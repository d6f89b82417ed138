import type { AnalysisMetric, Assessment, Measurement, RolloutState } from '../../api/types';
import { Badge, type Tone } from '../../components/Badge';
import { compact } from '../../components/format';

const TONE: Record<Assessment, Tone> = { successful: 'good', failed: 'bad', inconclusive: 'quiet', error: 'warn' };
const WORD: Record<Assessment, string> = { successful: 'passed', failed: 'failed', inconclusive: 'undecided', error: 'no measurement' };

/** What is measured on the canary before it gets more traffic. */
export function Analysis({ analysis }: { analysis: RolloutState['analysis'] }) {
  if (!analysis) return <p className="analysis-none">Measurements of live requests appear here at the first analysis step.</p>;
  return (
    <table className="analysis">
      <caption className="sr-only">Analysis of live requests</caption>
      <thead>
        <tr>
          <th scope="col">Measured live</th>
          <th scope="col">Measurements</th>
          <th scope="col">Latest</th>
          <th scope="col">Verdict</th>
        </tr>
      </thead>
      <tbody>
        {analysis.metrics.map((metric) => (
          <Row key={metric.name} metric={metric} />
        ))}
      </tbody>
    </table>
  );
}

function Row({ metric }: { metric: AnalysisMetric }) {
  const latest = metric.measurements.at(-1);
  return (
    <tr>
      <th scope="row">{metric.name}</th>
      <td>
        <span className="dots">
          {metric.measurements.map((measurement) => (
            <Dot key={measurement.time} measurement={measurement} />
          ))}
          {metric.assessment === null && <span className="dot dot-next" title="the next measurement is due" />}
        </span>
      </td>
      <td className="analysis-latest">
        <strong className="num">{latest ? compact(latest.value) : '–'}</strong>
        <Limit message={latest?.message ?? 'not measured yet'} />
      </td>
      <td>{metric.assessment ? <Badge tone={TONE[metric.assessment]}>{WORD[metric.assessment]}</Badge> : <Badge tone="active">measuring</Badge>}</td>
    </tr>
  );
}

function Dot({ measurement }: { measurement: Measurement }) {
  const said = `${WORD[measurement.assessment]}: ${measurement.message}`;
  return <span className={`dot tone-${TONE[measurement.assessment]}`} role="img" aria-label={said} title={said} />;
}

/** The message with its `condition` set as code. */
function Limit({ message }: { message: string }) {
  return (
    <span className="limit" title={message}>
      {message.split('`').map((part, index) => (index % 2 === 1 ? <code key={index}>{part}</code> : part))}
    </span>
  );
}
