import type { AlertRecord } from '../model/alert.ts'
import type { State } from './state.ts'

const KEPT_MAX = 1_000

/**
 * Alerts that were opened lately, by id and revision: many people look at the same newest pages, and
 * opening an envelope costs more than all else of a list. In memory only, and never more than KEPT_MAX.
 * Whoever changes a row without a new revision must `forget` it.
 */
export interface OpenedAlerts {
  get(id: string, revision: number): AlertRecord | undefined
  put(id: string, revision: number, alert: AlertRecord): void
  forget(id: string): void
}

const byState = new WeakMap<State, OpenedAlerts>()

export function openedAlerts(state: State): OpenedAlerts {
  let opened = byState.get(state)
  if (opened === undefined) byState.set(state, (opened = createOpenedAlerts(KEPT_MAX)))
  return opened
}

/** The one that was not asked for the longest makes room. */
export function createOpenedAlerts(keptMax: number): OpenedAlerts {
  const kept = new Map<string, { readonly revision: number; readonly alert: AlertRecord }>()
  return {
    get: (id, revision) => {
      const found = kept.get(id)
      if (found?.revision !== revision) return undefined
      kept.delete(id)
      kept.set(id, found)
      return found.alert
    },
    put: (id, revision, alert) => {
      kept.delete(id)
      kept.set(id, { revision, alert })
      if (kept.size <= keptMax) return
      const [oldest] = kept.keys()
      if (oldest !== undefined) kept.delete(oldest)
    },
    forget: (id) => void kept.delete(id),
  }
}
