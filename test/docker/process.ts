/** Programs run by the chroot build. */
import { spawnSync } from 'node:child_process'

/** Standard output. Throws with the end of the program's output when it fails. */
export function runOrThrow(
  program: string,
  args: readonly string[],
  env?: Readonly<Record<string, string>>,
): string {
  const result = spawnSync(program, args, {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    ...(env === undefined ? {} : { env }),
  })
  if (result.error) throw result.error
  if (result.status !== 0) {
    const said = `${result.stdout}\n${result.stderr}`.trim().slice(-4000)
    throw new Error(
      `${program} ${args.join(' ')} failed (${result.status ?? result.signal}):\n${said}`,
    )
  }
  return result.stdout
}
