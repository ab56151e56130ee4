/** A virtual environment of Python with the programs that PyPI carries, made on first use. */
import { execFile } from 'node:child_process'
import { access } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/**
 * The path of a program, each in an environment of its own below `folder`. One that is not there is installed with every package
 * in the version that `requirements-<program>.txt` has, and is refused where its digest is none of those there. Rejects where Python or
 * PyPI cannot be had.
 */
export async function pythonProgram(
  folder: string,
  program: 'schemathesis' | 'guidellm',
): Promise<string> {
  const environment = resolve(folder, program)
  const path = join(environment, 'bin', program)
  const isThere = await access(path).then(
    () => true,
    () => false,
  )
  if (isThere) return path
  await run('python3', ['-m', 'venv', environment])
  const requirements = join(import.meta.dirname, `requirements-${program}.txt`)
  const pip = join(environment, 'bin/pip')
  await run(pip, [
    ...['install', '--quiet', '--disable-pip-version-check', '--require-hashes'],
    ...['-r', requirements],
  ])
  return path
}
