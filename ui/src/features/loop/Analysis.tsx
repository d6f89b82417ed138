import type { AnalysisMetric, Assessment, Measurement, RolloutState } from '../../api/types';
import { Badge, type Tone } from '../../components/Badge';
import { compact } from '../../components/format';
import { Prose } from '../../components/Prose';

const TONE: Record<Assessment, Tone> = { successful: 'good', failed: 'bad', inconclusive: 'quiet', error: 'warn' };
const WORD: Record<Assessment, string> = { successful: 'passed', failed: 'failed', inconclusive: 'undecided', error: 'no measurement' };

/** What is measured on the canary before it gets more traffic. */
export function Analysis({ analysis, over = false, title = 'Measured live' }: { analysis: RolloutState['analysis']; over?: boolean; title?: string }) {
  if (!analysis) return <p className="analysis-none">Measurements of live requests appear here at the first analysis step.</p>;
  return (
    <table className="analysis">
      <caption className="sr-only">Analysis of live requests</caption>
      <thead>
        <tr>
          <th scope="col">{title}</th>
          <th scope="col">Measurements</th>
          <th scope="col">Latest</th>
          <th scope="col">Limit</th>
          <th scope="col">Verdict</th>
        </tr>
      </thead>
      <tbody>
        {analysis.metrics.map((metric) => (
          <Row key={metric.name} metric={metric} over={over} />
        ))}
      </tbody>
    </table>
  );
}

function Row({ metric, over }: { metric: AnalysisMetric; over: boolean }) {
  const latest = metric.measurements.at(-1);
  return (
    <tr>
      <th scope="row">
        {metric.name}
        {metric.dry_run && <span className="under">dry run: has no say</span>}
      </th>
      <td>
        <span className="dots">
          {metric.measurements.map((measurement) => (
            <Dot key={measurement.time} measurement={measurement} />
          ))}
          {metric.assessment === null && !over && <span className="dot dot-next" title="the next measurement is due" />}
        </span>
      </td>
      <td className="analysis-latest">
        <strong className="num">{latest ? compact(latest.value) : '–'}</strong>
        <span className="limit" title={latest?.message}>
          {latest ? <Prose text={told(latest, metric)} /> : 'not measured yet'}
        </span>
      </td>
      <td className="analysis-limit">{metric.limit && <code>{metric.limit}</code>}</td>
      <td>
        <Decision metric={metric} over={over} />
      </td>
    </tr>
  );
}

function Decision({ metric, over }: { metric: AnalysisMetric; over: boolean }) {
  if (metric.assessment) return <Badge tone={TONE[metric.assessment]}>{WORD[metric.assessment]}</Badge>;
  return over ? <Badge tone="quiet">cut short</Badge> : <Badge tone="active">measuring</Badge>;
}

function Dot({ measurement }: { measurement: Measurement }) {
  const said = `${WORD[measurement.assessment]}: ${measurement.message}`;
  return <span className={`dot tone-${TONE[measurement.assessment]}`} role="img" aria-label={said} title={said} />;
}

/** The message without the number that stands beside it anyway, and without the limit where that does. */
function told(measurement: Measurement, metric: AnalysisMetric): string {
  if (measurement.value === null) return measurement.message;
  if (metric.limit) return WORD[measurement.assessment];
  return measurement.message.replace(/^[-+\d.e]+ /i, '');
}
