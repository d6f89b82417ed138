import { memo, useMemo } from 'react';
import type { LoopModel, MonitorWindow } from '../../api/types';
import { above, below, track } from '../../charts/series';
import { TrackChart } from '../../charts/TrackChart';
import { Card, Empty } from '../../components/Card';
import { day, fixed, moment, whole } from '../../components/format';

/** How good the answers were, month after month. */
export const Quality = memo(function Quality({ model }: { model: LoopModel }) {
  const { windows, marks, limits } = model;
  const champion = model.champion?.version ?? null;
  const minAuc = limits?.min_auc ?? null;
  const maxPsi = limits?.max_psi ?? null;
  const maxGap = limits?.max_calibration_gap ?? null;
  const auc = useMemo(() => track(windows, marks, 'auc', below(minAuc)), [windows, marks, minAuc]);
  const psi = useMemo(() => track(windows, marks, 'score_psi', above(maxPsi)), [windows, marks, maxPsi]);
  const gap = useMemo(() => track(windows, marks, 'calibration_gap', above(maxGap)), [windows, marks, maxGap]);
  if (windows.length === 0) {
    return (
      <Card title="Quality over the months" className="quality">
        <Empty title="No labels have come back yet">
          One point for every batch of labelled requests appears here: the AUC against its limit, drift of the scores and calibration, with retrainings and new champions marked.
        </Empty>
      </Card>
    );
  }
  const shared = { champion, tooltip: (window: MonitorWindow) => <Reading window={window} /> };
  return (
    <Card title="Quality over the months" className="quality" aside={<Legend model={model} />}>
      <h3 className="chart-title">AUC of live requests</h3>
      <TrackChart {...shared} summary={summary(model)} track={auc} limit={minAuc} limitLabel={`limit ${minAuc}`} height={250} labels least={0.08} />
      <div className="chart-pair">
        <div>
          <h3 className="chart-title">Drift of the scores (PSI)</h3>
          <TrackChart {...shared} summary="Population stability index of the scores per window" track={psi} limit={maxPsi} limitLabel={`limit ${maxPsi}`} height={130} labels={false} least={0.1} />
        </div>
        <div>
          <h3 className="chart-title">Calibration gap</h3>
          <TrackChart {...shared} summary="Calibration gap per window" track={gap} limit={maxGap} limitLabel={`limit ${maxGap}`} height={130} labels={false} least={0.05} />
        </div>
      </div>
    </Card>
  );
});

function summary(model: LoopModel): string {
  const breaches = model.windows.filter((window) => window.breaches.length > 0).length;
  const last = model.windows.at(-1);
  return `AUC of ${model.windows.length} windows of labelled requests; ${breaches} broke a limit; the latest is ${fixed(last?.values.auc)}.`;
}

function Legend({ model }: { model: LoopModel }) {
  const kinds = new Set(model.marks.map((mark) => mark.kind));
  const champion = model.champion?.version;
  const former = model.windows.some((window) => window.version !== champion);
  return (
    <ul className="legend">
      {champion !== undefined && <li className="key-line">v{champion}</li>}
      {former && <li className="key-line former">other versions</li>}
      <li className="key-point">beyond a limit</li>
      {kinds.has('retraining') && <li className="key-mark warn">retraining</li>}
      {kinds.has('champion') && <li className="key-mark good">new champion</li>}
      {kinds.has('rollback') && <li className="key-mark bad">rollback</li>}
    </ul>
  );
}

function Reading({ window }: { window: MonitorWindow }) {
  const { values, event_start: start, event_end: end } = window;
  const days = start !== null && end !== null ? `${day(start)} – ${day(end)}` : moment(window.time);
  return (
    <>
      <p className="tooltip-title">{days}</p>
      <p>
        v{window.version} · {whole(window.rows)} labelled
      </p>
      <dl>
        <dt>AUC</dt>
        <dd>{fixed(values.auc)}</dd>
        <dt>Brier</dt>
        <dd>{fixed(values.brier)}</dd>
        <dt>Score PSI</dt>
        <dd>{fixed(values.score_psi)}</dd>
        <dt>Calibration gap</dt>
        <dd>{fixed(values.calibration_gap)}</dd>
      </dl>
      {window.breaches.map((breach) => (
        <p key={breach} className="tooltip-breach">
          {breach}
        </p>
      ))}
    </>
  );
}
