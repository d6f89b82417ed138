import { type ReactNode, useId, useRef } from 'react';

interface ConfirmButtonProps {
  label: string;
  kind?: 'danger' | 'plain';
  disabled?: boolean;
  /** What is asked before it happens. */
  question: string;
  children: ReactNode;
  onConfirm: () => void;
}

/** A button that asks first. The dialog is the browser's own: focus stays in it, Escape leaves it. */
export function ConfirmButton({ label, kind = 'plain', disabled, question, children, onConfirm }: ConfirmButtonProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  const close = () => dialog.current?.close();
  return (
    <>
      <button type="button" className={`button ${kind}`} disabled={disabled} onClick={() => dialog.current?.showModal()}>
        {label}
      </button>
      <dialog ref={dialog} className="dialog" aria-labelledby={id} onClick={(event) => event.target === dialog.current && close()}>
        <div className="dialog-body">
          <h2 id={id}>{question}</h2>
          <p>{children}</p>
          <div className="dialog-actions">
            <button type="button" className="button plain" onClick={close} autoFocus>
              Cancel
            </button>
            <button type="button" className={`button ${kind === 'danger' ? 'danger solid' : 'solid'}`} onClick={() => (close(), onConfirm())}>
              {label}
            </button>
          </div>
        </div>
      </dialog>
    </>
  );
}
