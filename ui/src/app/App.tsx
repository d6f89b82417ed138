import { useEffect } from 'react';
import { usePoll } from '../api/poll';
import type { Loop } from '../api/types';
import { setServerTime } from './clock';
import { usePath } from './router';
import { View } from './routes';
import { Shell } from './Shell';

const WATCHING_MS = 1000;
/** On other pages the loop only feeds the head of the page and the clock. */
const ELSEWHERE_MS = 5000;

export function App() {
  const path = usePath();
  const loop = usePoll<Loop>('/api/v1/loop', path === '/' ? WATCHING_MS : ELSEWHERE_MS);
  const time = loop.data?.time;
  useEffect(() => {
    if (time !== undefined) setServerTime(time);
  }, [time]);
  return (
    <Shell path={path} loop={loop.data}>
      <View path={path} loop={loop} />
    </Shell>
  );
}
