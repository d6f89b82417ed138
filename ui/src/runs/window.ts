import { type RefObject, useEffect, useState } from 'react';

/** The rows of a long list that need to be in the document. */
export interface Window {
  first: number;
  /** Behind the last one. */
  end: number;
}

const SPARE = 12;

export function windowOf(scrolled: number, height: number, row: number, count: number): Window {
  const first = Math.max(0, Math.min(count, Math.floor(scrolled / row)) - SPARE);
  const end = Math.min(count, Math.ceil((scrolled + height) / row) + SPARE);
  return { first, end: Math.max(first, end) };
}

/** The window of a scrolling box; it changes only when rows come into view or leave it. */
export function useWindow(box: RefObject<HTMLElement | null>, row: number, count: number): Window {
  const [window, setWindow] = useState<Window>(() => windowOf(0, 900, row, count));
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const look = () => {
      const next = windowOf(element.scrollTop, element.clientHeight, row, count);
      setWindow((last) => (last.first === next.first && last.end === next.end ? last : next));
    };
    look();
    element.addEventListener('scroll', look, { passive: true });
    const sizes = new ResizeObserver(look);
    sizes.observe(element);
    return () => {
      element.removeEventListener('scroll', look);
      sizes.disconnect();
    };
  }, [box, row, count]);
  return window;
}
