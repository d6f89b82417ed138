import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app/App';
import { fromMlflow } from './app/router';
import './styles.css';

const told = fromMlflow(location.hash);
if (told) history.replaceState(null, '', told);

const root = document.getElementById('root');
if (root) {
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
}
