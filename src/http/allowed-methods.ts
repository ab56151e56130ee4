/** Which methods a path has, so that a wrong method is told apart from a wrong path. */
import type { FastifyInstance } from 'fastify'

export interface AllowedMethods {
  /** Methods of the routes that match the path, sorted; empty where none does. */
  of(path: string): readonly string[]
}

/** Watches the routes that are added from now on. */
export function watchMethods(app: FastifyInstance): AllowedMethods {
  const routes: { readonly pattern: RegExp; readonly methods: readonly string[] }[] = []
  app.addHook('onRoute', ({ url, method }) => {
    routes.push({ pattern: toPattern(url), methods: [method].flat() })
  })
  return {
    of(path) {
      const methods = routes.filter(({ pattern }) => pattern.test(path)).flatMap((r) => r.methods)
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
