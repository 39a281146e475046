// Colours as the system has them, or as the reader chose.

import { useEffect, useState } from "preact/hooks";

const THEMES = ["as the system", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];
const KEY = "mapcoder-theme";

export const nextTheme = (theme: Theme): Theme => THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length]!;

export function useTheme(): [Theme, (theme: Theme) => void] {
  const [theme, setTheme] = useState<Theme>(() => THEMES.find((one) => one === localStorage.getItem(KEY)) ?? THEMES[0]);
  useEffect(() => {
    localStorage.setItem(KEY, theme);
    if (theme === "as the system") delete document.documentElement.dataset["theme"];
    else document.documentElement.dataset["theme"] = theme;
  }, [theme]);
  return [theme, setTheme];
}
