/**
 * Software from PyPI that people point at OpenAI, pointed at this server as docs/software.md says: a script of ours for each in
 * `software/`, and what that page shows, run as it stands there.
 */
import { type ExecFileOptions, execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { pythonEnvironment } from './python.ts'
import type { CaseResult, Suite, SuiteContext } from './suite.ts'

const run = promisify(execFile)
const ROOT = resolve(import.meta.dirname, '../..')
const PAGE = join(ROOT, 'docs/software.md')
/** Where the page's snippets ask, in place of which the server that is tested stands. */
const SHOWN_URL = 'http://127.0.0.1:8000'
const PYTHON = { oldest: 11, newest: 13 }

interface Software {
  /** What `--only` and the headings of docs/software.md call it. */
  readonly id: string
  readonly title: string
  readonly packages: readonly string[]
  /** In `software/`. */
  readonly script: string
}

export const SOFTWARE: readonly Software[] = [
  {
    id: 'openai-python',
    title: 'openai: the official Python client',
    packages: ['openai'],
    script: 'openai_python.py',
  },
  {
    id: 'anthropic-python',
    title: "anthropic: Anthropic's official Python client",
    packages: ['anthropic'],
    script: 'anthropic_python.py',
  },
  {
    id: 'langchain-python',
    title: 'LangChain for Python',
    packages: ['langchain-openai', 'langchain-core'],
    script: 'langchain_python.py',
  },
  { id: 'litellm', title: 'LiteLLM', packages: ['litellm'], script: 'litellm_python.py' },
  {
    id: 'pydantic-ai',
    title: 'Pydantic AI',
    packages: ['pydantic-ai-slim', 'openai', 'anthropic'],
    script: 'pydantic_ai_python.py',
  },
  {
    id: 'instructor',
    title: 'Instructor',
    packages: ['instructor'],
    script: 'instructor_python.py',
  },
  {
    id: 'openai-agents',
    title: 'OpenAI Agents SDK for Python',
    packages: ['openai-agents'],
    script: 'openai_agents_python.py',
  },
  {
    id: 'llm',
    title: 'llm: a program for the command line',
    packages: ['llm'],
    script: 'llm_python.py',
  },
  {
    id: 'smolagents',
    title: 'smolagents',
    packages: ['smolagents'],
    script: 'smolagents_python.py',
  },
]

export function softwareSuites(): Suite[] {
  return SOFTWARE.map((software) => ({
    id: software.id,
    title: software.title,
    source: `From PyPI, driven by \`test/conformance/software/${software.script}\` and by what [software.md](software.md#${software.id}) shows`,
    missing: missingPython,
    run: (context) => drive(software, context),
  }))
}

/** Undefined where packages of these versions can be installed. */
async function missingPython(): Promise<string | undefined> {
  const wanted = `Python 3.${PYTHON.oldest} to 3.${PYTHON.newest} with venv`
  try {
    const { stdout } = await run('python3', [
      '-c',
      'import ensurepip, venv, sys; print(sys.version_info.minor)',
    ])
    const minor = Number(stdout)
    if (minor >= PYTHON.oldest && minor <= PYTHON.newest) return undefined
    return `needs ${wanted}, and python3 is 3.${minor}`
  } catch {
    return `needs ${wanted}`
  }
}

async function drive({ id, packages, script }: Software, context: SuiteContext) {
  const { url, apiKey, model, log } = context
  const programs = await pythonEnvironment(context.python, 'software')
  const python = join(programs, 'python')
  const folder = await mkdtemp(join(tmpdir(), 'aerie-software-'))
  const env = {
    ...process.env,
    PATH: `${programs}${delimiter}${process.env['PATH']}`,
    AERIE_URL: url,
    AERIE_API_KEY: apiKey,
    AERIE_MODEL: model,
    AERIE_PICTURE: join(ROOT, 'docs/pictures/red-circle-blue-square.png'),
    // None of them is to write into the checkout, or to look for newer tables elsewhere.
    PYTHONDONTWRITEBYTECODE: '1',
    LITELLM_LOCAL_MODEL_COST_MAP: 'True',
    LLM_USER_PATH: folder,
  }
  const options = { env, cwd: folder, timeout: 600_000, maxBuffer: 64 * 1024 * 1024 }
  try {
    const file = join(import.meta.dirname, 'software', script)
    const cases: CaseResult[] = []
    const ended = await runAlone(python, [file], options).catch((error) => error)
    for (const line of String(ended.stdout).split('\n')) {
      // Some print words of their own in between.
      if (line.startsWith('{"name"')) cases.push({ group: script, ...JSON.parse(line) })
    }
    if (ended instanceof Error || cases.length === 0) {
      const message = String(ended.stderr).trim().split('\n').at(-1) || String(ended)
      cases.push({ group: script, name: 'the script as a whole', outcome: 'failed', message })
    }
    const { language, text } = snippetOf(await readFile(PAGE, 'utf8'), id)
    const shown = join(folder, 'shown')
    await writeFile(shown, text.replaceAll(SHOWN_URL, url))
    const interpreter = language === 'python' ? python : 'bash'
    const name = 'the snippet'
    const group = 'docs/software.md'
    try {
      const { stdout } = await runAlone(
        interpreter,
        [...(language === 'sh' ? ['-e'] : []), shown],
        options,
      )
      const isSaid = stdout.trim() !== ''
      const outcome = isSaid ? 'passed' : 'failed'
      cases.push({ group, name, outcome, ...(!isSaid && { message: 'it printed nothing' }) })
    } catch (error) {
      const said = (error as { stderr?: string }).stderr?.trim().split('\n').at(-1)
      cases.push({ group, name, outcome: 'failed', message: said || String(error) })
    }
    for (const { outcome, name: which, message } of cases) {
      if (outcome === 'failed') log(`${which}: ${message?.split('\n')[0]}`)
    }
    const version =
      'import importlib.metadata as m, sys; print(*(f"{p} {m.version(p)}" for p in sys.argv[1:]), sep=", ")'
    const { stdout: versions } = await run(python, ['-c', version, ...packages])
    return { version: versions.trim(), cases }
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** With nothing to read: programs for the command line wait for what they are piped. */
async function runAlone(program: string, args: string[], options: ExecFileOptions) {
  const running = run(program, args, { ...options, encoding: 'utf8' })
  running.child.stdin?.end()
  return await running
}

/** The code below the heading of that name. Throws where the page has none. */
export function snippetOf(page: string, id: string): { language: 'python' | 'sh'; text: string } {
  const section = page.split(/^## /m).find((part) => part.startsWith(`${id}\n`))
  const found = section && /^```(python|sh)\n(.*?)^```$/ms.exec(section)
  if (!found) throw new Error(`docs/software.md shows no code below "## ${id}"`)
  return { language: found[1] as 'python' | 'sh', text: found[2]! }
}
