import type { Gate, GateCheck, SampleRow } from '../api/types';
import { Link } from '../app/router';
import { VerdictBadge } from './Badge';
import { compact, plural } from './format';
import { Ago } from './Time';

/** A gate's judgement: one line when all is well, the broken checks with failing rows when not. */
export function GateReport({ gate, atMost = Infinity }: { gate: Gate; atMost?: number }) {
  const broken = tellingFirst((gate.report.checks ?? []).filter((check) => check.verdict !== 'pass'));
  return (
    <div className="gate">
      <p className="gate-line">
        <VerdictBadge verdict={gate.verdict} />
        <span className="gate-summary">{gate.summary}</span>
        <Ago time={gate.time} />
      </p>
      <GateScope gate={gate} />
      {broken.length > 0 && (
        <ul className="checks">
          {broken.slice(0, atMost).map((check, index) => (
            <Check key={`${check.name}-${index}`} check={check} />
          ))}
        </ul>
      )}
      {broken.length > atMost && (
        <p className="gate-more">
          <Link href="/data">and {plural(broken.length - atMost, 'more broken check')}</Link>
        </p>
      )}
    </div>
  );
}

/** Failures before warnings, and among them first those that can show rows. */
function tellingFirst(checks: GateCheck[]): GateCheck[] {
  const weight = (check: GateCheck) => (check.verdict === 'fail' ? 2 : 0) + (check.sample.length > 0 ? 1 : 0);
  return checks.toSorted((a, b) => weight(b) - weight(a));
}

function GateScope({ gate }: { gate: Gate }) {
  const { contract, files, checks } = gate.report;
  const parts = [
    checks && plural(checks.length, 'check'),
    contract && `contract “${contract.name}” ${contract.version}`,
    files && files.map((file) => `${file.path} (${plural(file.rows, 'row')})`).join(', '),
  ].filter(Boolean);
  return parts.length > 0 ? <p className="gate-scope">{parts.join(' · ')}</p> : null;
}

function Check({ check }: { check: GateCheck }) {
  return (
    <li className={`check tone-${check.verdict === 'fail' ? 'bad' : 'warn'}`}>
      <p className="check-head">
        <strong>{check.name}</strong>
        {check.column && <code>{check.column}</code>}
        <span className="check-numbers num">
          measured {compact(check.measured)}, expected {check.expected}
        </span>
      </p>
      <p className="check-message">{check.message}</p>
      {check.sample.length > 0 && <Sample rows={check.sample} of={check.failing_rows} />}
    </li>
  );
}

function Sample({ rows, of }: { rows: SampleRow[]; of: number }) {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row.values)))];
  return (
    <div className="table-scroll">
      <table className="sample">
        <caption>
          {rows.length < of ? `${rows.length} of ${plural(of, 'failing row')}` : plural(of, 'failing row')}
        </caption>
        <thead>
          <tr>
            <th scope="col">where</th>
            {columns.map((column) => (
              <th scope="col" key={column}>
                {column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={`${row.file}:${row.line}`}>
              <td className="where">{`${row.file}:${row.line}`}</td>
              {columns.map((column) => (
                <td key={column}>{cell(row.values[column])}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function cell(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
