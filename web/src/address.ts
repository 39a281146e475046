// The address after #: #VIEW/FIRST/SECOND, each part encoded.

import { useEffect, useState } from "preact/hooks";

export const VIEWS = [["", "Solve"], ["runs", "Runs"], ["evaluations", "Evaluations"]] as const;

const parts = (): string[] => location.hash.slice(1).split("/").map(decoded);

const decoded = (part: string): string => {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // typed by hand; no view will know it
  }
};

export const address = (...names: string[]): string => `#${names.map(encodeURIComponent).join("/")}`;

export const place = (...names: string[]): void => {
  location.hash = address(...names);
};

export function useAddress(): string[] {
  const [shown, show] = useState(parts);
  useEffect(() => {
    const changed = (): void => show(parts());
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return shown;
}

export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · MapCoder-Lite`;
  }, [title]);
}
