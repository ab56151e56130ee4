/** One line of the doctor's report. */

export interface Finding {
  /** What was looked at: `ONNX Runtime`. */
  readonly name: string
  /** ok: as it should be; note: works, something is absent or could be better; bad: will not work. */
  readonly state: 'ok' | 'note' | 'bad'
  readonly text: string
  /** What to do about it; absent when there is nothing to do. */
  readonly advice?: string
}

/** A look at one thing of this machine. Never rejects: what cannot be found out is a finding, too. */
export type Check = () => Finding | Promise<Finding>

/** A look at what has more than one part. */
export type Checks = () => Promise<readonly Finding[]>

const SIGNS = { ok: '✓', note: '!', bad: '✗' } as const

/** The findings as lines, names aligned. */
export function formatFindings(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ name }) => name.length))
  return findings
    .map(({ name, state, text, advice }) => {
      const line = `${SIGNS[state]} ${name.padEnd(width)}  ${text}`
      return advice === undefined ? line : `${line} → ${advice}`
    })
    .join('\n')
}
