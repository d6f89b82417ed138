import type { RolloutStep } from '../../api/types';

const WORD = { done: 'done', active: 'now', pending: 'to come' };

export function Steps({ steps }: { steps: RolloutStep[] }) {
  return (
    <ol className="steps">
      {steps.map((step, index) => (
        <li key={index} className={`step step-${step.state}`} aria-current={step.state === 'active' ? 'step' : undefined}>
          <span className="step-bar" />
          <span className="step-label">{step.label}</span>
          <span className="sr-only">{WORD[step.state]}</span>
        </li>
      ))}
    </ol>
  );
}
