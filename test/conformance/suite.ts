/** What a suite of others is to the command that runs them all. */

/** How one of its tests went. */
export interface CaseResult {
  /** Folder, file or endpoint that the report counts it under. */
  readonly group: string
  readonly name: string
  readonly outcome: 'passed' | 'failed' | 'skipped'
  /** What it printed, of a test that failed. */
  readonly message?: string
}

export interface SuiteResult {
  /** Whose tests, and of which version, as the report says it. */
  readonly version: string
  readonly cases: readonly CaseResult[]
  /** Figures beside counts, a line each. */
  readonly notes?: readonly string[]
}

export interface SuiteContext {
  /** Base URL of the server, without `/v1`. */
  readonly url: string
  /** That the server wants, where it wants one. */
  readonly apiKey: string
  /** Name of the model that answers. */
  readonly model: string
  /** A virtual environment of Python where its suites are installed. */
  readonly python: string
  /** How long a search goes on that has no end of its own. */
  readonly minutes: number
  /** Of its random choices; undefined: others each time. */
  readonly seed: string | undefined
  readonly log: (line: string) => void
}

export interface Suite {
  /** What `--only` and the report call it. */
  readonly id: string
  readonly title: string
  /** Where it comes from, for people. */
  readonly source: string
  /** Whether its server is one that wants a key. */
  readonly withKey?: true
  /** Undefined where it can run; else what is missing, as a line. */
  missing(): Promise<string | undefined>
  run(context: SuiteContext): Promise<SuiteResult>
}
