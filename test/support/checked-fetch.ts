/** A `fetch` for clients whose every response is also checked against openapi.yaml. */
import { createResponseChecker } from './response-checker.ts'

export interface CheckedFetch {
  readonly fetch: typeof globalThis.fetch
  /** Waits for the bodies that were still coming; throws the first response that the contract does not allow. */
  verify(): Promise<void>
  /** Responses checked so far. */
  readonly checked: number
}

export async function createCheckedFetch(): Promise<CheckedFetch> {
  const checker = await createResponseChecker()
  const pending: Promise<void>[] = []
  let checked = 0
  const check = async (method: string, url: URL, response: Response) => {
    let body: string
    try {
      body = await response.text()
    } catch {
      return // the client went away on purpose: there is no whole response to check
    }
    const headers = Object.fromEntries(response.headers)
    checker.check({ method, url: url.pathname, status: response.status, headers, body })
    checked++
  }
  return {
    fetch: async (input, init) => {
      const request = new Request(input, init)
      const response = await globalThis.fetch(request)
      pending.push(check(request.method, new URL(request.url), response.clone()))
      return response
    },
    verify: async () => {
      await Promise.all(pending.splice(0))
    },
    get checked() {
      return checked
    },
  }
}
