/** Which methods a path has, so that a wrong method is told apart from a wrong path. */
import type { FastifyInstance } from 'fastify'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The paths that a route answers, where its wildcard takes in more. */
    paths?: RegExp
  }
}

export interface AllowedMethods {
  /** Methods of the path, sorted; empty where no route matches. A path that is named whole is not one that a wildcard has. */
  of(path: string): readonly string[]
}

interface WatchedRoute {
  readonly pattern: RegExp
  /** How much of it is named and not a wildcard. */
  readonly named: number
  readonly methods: readonly string[]
}

/** Watches the routes that are added from now on. */
export function watchMethods(app: FastifyInstance): AllowedMethods {
  const routes: WatchedRoute[] = []
  app.addHook('onRoute', ({ url, method, config }) => {
    const paths = config?.paths
    const named = url.replace(/:\w+|\*/g, '').length + (paths ? 1 : 0)
    routes.push({ pattern: paths ?? toPattern(url), named, methods: [method].flat() })
  })
  return {
    of(path) {
      const found = routes.filter(({ pattern }) => pattern.test(path))
      const most = Math.max(...found.map(({ named }) => named))
      const methods = found.filter(({ named }) => named === most).flatMap((r) => r.methods)
      return [...new Set(methods)].sort()
    },
  }
}

/** Fastify's `:name` is one segment, `*` the rest. */
function toPattern(url: string): RegExp {
  const source = url
    .split(/(:\w+|\*)/)
    .map((piece) => {
      if (piece === '*') return '.+'
      return piece.startsWith(':') ? '[^/]+' : piece.replace(/[.+?^${}()|[\]\\]/g, '\\$&')
    })
    .join('')
  return new RegExp(`^${source}$`)
}
