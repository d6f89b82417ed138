import { type ReactNode, useEffect } from 'react';
import { useConnection } from '../api/connection';
import type { Loop } from '../api/types';
import { Logo } from '../components/Icon';
import { Link } from './router';

const PAGES = [
  { href: '/', title: 'Loop' },
  { href: '/data', title: 'Data' },
  { href: '/pipelines', title: 'Pipelines' },
  { href: '/experiments', title: 'Experiments' },
  { href: '/models', title: 'Models' },
  { href: '/rollouts', title: 'Rollouts' },
  { href: '/ab', title: 'A/B tests' },
  { href: '/events', title: 'Events' },
];

interface ShellProps {
  path: string;
  loop: Loop | null;
  children: ReactNode;
}

/** What every page has around it: the name, the ways to go, and whether the server answers. */
export function Shell({ path, loop, children }: ShellProps) {
  const connection = useConnection();
  const here = PAGES.find((page) => isAt(page.href, path));
  const project = loop?.project.name;
  useEffect(() => {
    document.title = [here?.title, project, 'Mainspring'].filter(Boolean).join(' · ');
  }, [here, project]);
  return (
    <>
      <a className="skip" href="#main">
        Skip to the content
      </a>
      <header className="top">
        <div className="top-inner">
          <Link href="/" className="brand">
            <Logo />
            <span>Mainspring</span>
          </Link>
          {project && <span className="project">{project}</span>}
          <nav aria-label="Pages">
            {PAGES.map((page) => (
              <Link key={page.href} href={page.href} aria-current={page === here ? 'page' : undefined}>
                {page.title}
              </Link>
            ))}
          </nav>
          <span className={`connection connection-${connection}`} role="status">
            <span className="connection-dot" />
            {{ live: 'live', connecting: 'connecting', lost: 'offline' }[connection]}
          </span>
          {loop && <span className="build num">{loop.version}</span>}
        </div>
      </header>
      {connection === 'lost' && (
        <div className="lost" role="alert">
          <span className="spinner" /> Connection lost, retrying. {loop ? 'What you see is the last that was heard.' : ''}
        </div>
      )}
      <main id="main" tabIndex={-1} className={connection === 'lost' ? 'stale' : undefined}>
        {children}
      </main>
    </>
  );
}

function isAt(href: string, path: string): boolean {
  return href === '/' ? path === '/' : path === href || path.startsWith(`${href}/`);
}
