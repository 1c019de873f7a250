import type { ProblemDetails } from './problem-details.ts'

/** Pages for a browser that came by itself: without scripts and styles, as the policy demands. */
export const PAGE_TYPE = 'text/html; charset=utf-8'

/**
 * Goes on to a path of ours. Not a redirect: a chain of redirects that began at another site does not
 * carry cookies that are `SameSite=Strict` (RFC 6265bis, 5.2), and the browser would arrive logged out.
 */
export function onwardPage(path: string): string {
  const to = escapeHtml(path)
  return page('Logged in', `<p>You are logged in. <a href="${to}">Go on</a>.</p>`, to)
}

export function problemPage(details: ProblemDetails): string {
  const hint = details.hint === undefined ? '' : `<p>What to do: ${escapeHtml(details.hint)}.</p>`
  const facts = `${details.code}, request ${details.requestId}`
  return page(
    details.title,
    `<p>${escapeHtml(details.detail)}</p>${hint}<p><small>${escapeHtml(facts)}</small></p>` +
      '<p><a href="/">Back to Picket</a></p>',
  )
}

function page(title: string, body: string, onward?: string): string {
  const refresh =
    onward === undefined ? '' : `<meta http-equiv="refresh" content="0;url=${onward}">`
  const text = escapeHtml(title)
  return (
    `<!doctype html><html lang="en"><head><meta charset="utf-8">${refresh}` +
    `<title>${text}</title></head><body><h1>${text}</h1>${body}</body></html>\n`
  )
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (found) => ENTITIES[found] ?? '')
}
