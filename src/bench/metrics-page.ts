/** Reads a server's /metrics. */
import { get } from './http-get.ts'

/** Samples by name and labels as written: `aerie_sequences_running`, `x{quantile="0.99"}`. */
export type MetricsPage = ReadonlyMap<string, number>

/** Rejects with CommandFailure when the server does not answer with 200. */
export async function readMetrics(url: string, apiKey: string | undefined): Promise<MetricsPage> {
  return parseMetrics(await get(`${url}/metrics`, apiKey))
}

/** Prometheus' text format, timestamps left out as our server sends none. */
export function parseMetrics(text: string): MetricsPage {
  const samples = text.split('\n').flatMap((line): [string, number][] => {
    if (line === '' || line.startsWith('#')) return []
    const at = line.lastIndexOf(' ')
    return [[line.slice(0, at), Number(line.slice(at + 1))]]
  })
  return new Map(samples)
}
