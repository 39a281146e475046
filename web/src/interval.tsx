// A share with its interval, as a number and as a line from 0 to 100 %.

import type { Rate } from "./shapes";
import { percent } from "./words";

export const share = (rate: Rate): number | null => (rate.num_total === 0 ? null : rate.num_passed / rate.num_total);

const reach = (low: number | null, high: number | null, places = 1): string => (low === null || high === null ? "no interval" : `${percent(low, places)} to ${percent(high, places)}`);

// Where there is no room it is broken before the interval, and nowhere else.
const unbroken = (text: string): string => text.replaceAll(" ", "\u00a0");

export const said = (rate: Rate): string => `${unbroken(percent(share(rate)))} ${unbroken(`(${reach(rate.low, rate.high)})`)}`;

export const Gauge = ({ rate, series = 0 }: { rate: Rate; series?: number }) => (
  <svg class={`gauge series s${series}`} viewBox="0 0 100 10" preserveAspectRatio="none" role="img" aria-label={said(rate)}>
    <rect class="rail" x="0" y="4" width="100" height="2" />
    {rate.low !== null && rate.high !== null && <rect class="reach" x={100 * rate.low} y="2.5" width={Math.max(0.4, 100 * (rate.high - rate.low))} height="5" />}
    {share(rate) !== null && <rect class="needle" x={100 * share(rate)! - 0.4} y="0.5" width="0.8" height="9" />}
  </svg>
);

// Number and line in one cell: beside each other, or where there is no room one over the other.
export const Rated = ({ rate, series = 0 }: { rate: Rate; series?: number }) => (
  <div class="rated"><span>{share(rate) === null ? "–" : said(rate)}</span><Gauge rate={rate} series={series} /></div>
);

export const Big = ({ name, rate, what, series = 0 }: { name: string; rate: Rate; what: string; series?: number }) => (
  <div class={`tile series s${series}`}>
    <h3>{name}</h3>
    <p class="big">{share(rate) === null ? "–" : (100 * share(rate)!).toFixed(1)}<span> %</span></p>
    <p class="what">{reach(rate.low, rate.high)}; {rate.num_passed} of {rate.num_total}. {what}</p>
    <Gauge rate={rate} series={series} />
  </div>
);
