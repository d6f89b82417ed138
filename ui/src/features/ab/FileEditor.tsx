import { useRef, useState } from 'react';
import { type Refused, refusedBy } from '../../api/client';
import { RefusedNote } from '../../components/Page';

interface FileEditorProps {
  text: string;
  /** What the button does. */
  action: string;
  /** Gives the file to the server; what it says against it is shown, and the line marked. */
  send: (text: string) => Promise<void>;
}

const LEAST_ROWS = 12;
const MOST_ROWS = 34;

/** The file of a test, to be changed and sent. */
export function FileEditor({ text, action, send }: FileEditorProps) {
  const [written, setWritten] = useState(text);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Refused | null>(null);
  const area = useRef<HTMLTextAreaElement>(null);
  const submit = async () => {
    setBusy(true);
    setProblem(null);
    try {
      await send(written);
    } catch (error) {
      const refused = refusedBy(error);
      setProblem(refused);
      select(area.current, lineOf(refused.message));
    } finally {
      setBusy(false);
    }
  };
  const copy = () => void navigator.clipboard.writeText(written);
  return (
    <div className="ab-editor">
      <textarea
        ref={area}
        className="log ab-file"
        aria-label="File of the test"
        spellCheck={false}
        wrap="off"
        rows={Math.min(MOST_ROWS, Math.max(LEAST_ROWS, written.split('\n').length + 1))}
        value={written}
        onChange={(event) => setWritten(event.target.value)}
      />
      {problem && <RefusedNote refused={problem} />}
      <div className="rollout-actions">
        <button type="button" className="button" disabled={busy} onClick={() => void submit()}>
          {action}
        </button>
        <button type="button" className="link" onClick={copy}>
          copy
        </button>
      </div>
    </div>
  );
}

/** The line that a refusal names, from 1: `test:4:3: ...`. */
export function lineOf(message: string): number | null {
  const found = /:(\d+):\d+: /.exec(message);
  return found ? Number(found[1]) : null;
}

function select(area: HTMLTextAreaElement | null, line: number | null): void {
  if (!area || line === null) return;
  const lines = area.value.split('\n');
  const before = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
  area.focus();
  area.setSelectionRange(before, before + (lines[line - 1]?.length ?? 0));
}
