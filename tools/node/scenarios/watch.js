const PATIENCE_MS = 20_000

/** `until(condition)` resolves once it holds; `changed()` says that it may hold now. */
export class Watch {
  #waiting = new Set()

  changed () {
    for (const each of [...this.#waiting]) {
      if (each.condition()) {
        this.#waiting.delete(each)
        clearTimeout(each.timer)
        each.resolve()
      }
    }
  }

  until (condition, what) {
    return new Promise((resolve, reject) => {
      const each = { condition, resolve }
      each.timer = setTimeout(() => {
        this.#waiting.delete(each)
        reject(new Error(`in vain, after ${PATIENCE_MS} ms: ${what()}`))
      }, PATIENCE_MS)
      this.#waiting.add(each)
      this.changed()
    })
  }
}
