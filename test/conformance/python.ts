/** Virtual environments of Python with what PyPI carries, made on first use. */
import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/**
 * The folder of the programs of an environment of that name below `folder`, with every package in the version that
 * `requirements-<name>.txt` has, refused where its digest is none of those there; one that is not there, was left half made, or has older requirements is installed now. Rejects where
 * Python or PyPI cannot be had.
 */
export async function pythonEnvironment(
  folder: string,
  name: 'schemathesis' | 'guidellm' | 'software',
): Promise<string> {
  const environment = resolve(folder, name)
  const programs = join(environment, 'bin')
  const requirements = join(import.meta.dirname, `requirements-${name}.txt`)
  const installed = join(environment, 'installed.txt')
  const wanted = await readFile(requirements, 'utf8')
  const found = await readFile(installed, 'utf8').catch(() => undefined)
  if (found === wanted) return programs
  await run('python3', ['-m', 'venv', environment])
  const pip = join(programs, 'pip')
  await run(pip, [
    ...['install', '--quiet', '--disable-pip-version-check', '--require-hashes'],
    ...['-r', requirements],
  ])
  await writeFile(installed, wanted)
  return programs
}

/** The path of a program in the environment of its name. */
export async function pythonProgram(
  folder: string,
  program: 'schemathesis' | 'guidellm',
): Promise<string> {
  return join(await pythonEnvironment(folder, program), program)
}
