// Questions to the service this page came from, and to nobody else.

export class Refusal extends Error {
  constructor(readonly status: number, readonly detail: string, readonly remedy: string) {
    super(remedy && !detail.includes(remedy) ? `${detail} (${remedy})` : detail);
  }

  // Asking again comes to the same.
  get isFinal(): boolean {
    return this.status >= 400 && this.status < 500 && this.status !== 429;
  }
}

interface Refused { title?: string; detail?: string; remedy?: string; errors?: { where: string; what: string }[] }

export const get = <T>(path: string): Promise<T> => answered<T>(path, {});

export const post = <T>(path: string, body: unknown): Promise<T> =>
  answered<T>(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

async function answered<T>(path: string, init: RequestInit): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, init);
  } catch {
    throw new Refusal(0, "the service does not answer; is `mapcoder serve` still running?", "");
  }
  if (!response.ok) throw await refusal(response);
  return (await response.json()) as T;
}

async function refusal(response: Response): Promise<Refusal> {
  const body = (await response.json().catch(() => ({}))) as Refused;
  const fields = (body.errors ?? []).map((one) => `${one.where}: ${one.what}`).join("; ");
  const wait = response.headers.get("Retry-After");
  const remedy = body.remedy || (wait ? `try again in ${wait} s` : "");
  return new Refusal(response.status, [body.detail ?? body.title ?? `status ${response.status}`, fields].filter(Boolean).join(": "), remedy);
}

export const said = (fault: unknown): string => (fault instanceof Error ? fault.message : String(fault));
