import type { Values } from '../../api/types';
import { Link } from '../../app/router';
import { fixed } from '../../components/format';
import { change, type Metric, METRICS, valueOf } from '../../components/metrics';
import { Ago } from '../../components/Time';

interface VersionCardProps {
  role: 'Champion' | 'Candidate';
  model: string;
  version: number;
  metrics: Values;
  /** The champion's metrics, to compare with. */
  against?: Values | null;
  since: number | null;
  reason: string | null;
  /** The AUC on live requests, where labels have come. */
  live?: { auc: number; beyond: boolean } | null;
}

export function VersionCard({ role, model, version, metrics, against = null, since, reason, live = null }: VersionCardProps) {
  return (
    <article className={`version ${role.toLowerCase()}`}>
      <header>
        <h3>{role}</h3>
        <span className="version-number">v{version}</span>
        <Link className="quiet-link" href={`/models/${encodeURIComponent(model)}/${version}/why`}>
          why v{version}?
        </Link>
      </header>
      <dl className="metrics">
        {METRICS.map((metric) => (
          <MetricRow key={metric.label} metric={metric} metrics={metrics} against={against} />
        ))}
        {live !== null && (
          <div>
            <dt title="On the latest labelled requests">live AUC</dt>
            <dd className={live.beyond ? 'num beyond' : 'num'}>{fixed(live.auc)}</dd>
          </div>
        )}
      </dl>
      <p className="version-since">
        {since !== null && (
          <>
            {role === 'Champion' ? 'in charge since ' : 'on trial since '}
            <Ago time={since} />
          </>
        )}
      </p>
      {reason && (
        <p className="version-reason" title={reason}>
          {reason}
        </p>
      )}
    </article>
  );
}

function MetricRow({ metric, metrics, against }: { metric: Metric; metrics: Values; against: Values | null }) {
  const delta = against && change(metric, metrics, against);
  return (
    <div>
      <dt title={metric.title}>{metric.label}</dt>
      <dd className="num">
        {fixed(valueOf(metric, metrics))}
        {delta && (
          <span className={`delta delta-${delta.verdict}`} title={`${delta.verdict} than the champion`}>
            {delta.verdict === 'same' ? '±0' : `${delta.by > 0 ? '+' : '−'}${Math.abs(delta.by).toFixed(3)}`}
          </span>
        )}
      </dd>
    </div>
  );
}
