/** `/metrics` for Prometheus. */
import type { FastifyInstance } from 'fastify'
import type { Metrics } from '../../telemetry/metrics.ts'

interface MetricsRoute {
  readonly metrics: Metrics
}

export function metricsRoute(app: FastifyInstance, { metrics }: MetricsRoute): void {
  app.get('/metrics', { config: { whileDraining: true } }, async (_request, reply) => {
    return reply.type(metrics.contentType).send(await metrics.render())
  })
}
