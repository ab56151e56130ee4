/** What another program says about itself. */
import { execFile } from 'node:child_process'

/** First line of the program's standard output; undefined when it is not there, fails or hangs. */
export async function firstLine(
  program: string,
  args: readonly string[],
): Promise<string | undefined> {
  return (await output(program, args))?.split('\n', 1)[0]?.trim()
}

/** Standard output as text; undefined when the program is not there, fails, or takes over ten seconds. */
export function output(program: string, args: readonly string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile(program, args, { timeout: 10_000 }, (error, stdout) => {
      resolve(error === null ? stdout : undefined)
    })
  })
}
