/** What the guest has open, by number, and whether anything of it keeps the app alive (uv_loop_alive). */

/** Something with a number; it counts while it is active and referenced. */
export class OpenHandle {
  readonly id: number;
  readonly #table: HandleTable;
  readonly #close: () => void;
  #isRef = true;
  #activities = 0;

  constructor(table: HandleTable, id: number, close: () => void) {
    this.#table = table;
    this.id = id;
    this.#close = close;
  }

  set isRef(isRef: boolean) {
    if (isRef === this.#isRef) return;
    this.#isRef = isRef;
    if (this.#activities > 0) this.#table.countAlive(isRef ? 1 : -1);
  }

  /** One more thing, or one less (-1), is under way on it. */
  addActivity(change: 1 | -1): void {
    const wasActive = this.#activities > 0;
    this.#activities += change;
    const isActive = this.#activities > 0;
    if (this.#isRef && wasActive !== isActive) this.#table.countAlive(isActive ? 1 : -1);
  }

  close(): void {
    if (this.#isRef && this.#activities > 0) this.#table.countAlive(-1);
    this.#activities = 0;
    this.#close();
  }
}

export class HandleTable {
  readonly #handles = new Map<number, OpenHandle>();
  #lastId = 0;
  #alive = 0;

  add<Kind extends OpenHandle>(make: (id: number) => Kind): Kind {
    this.#lastId += 1;
    const handle = make(this.#lastId);
    this.#handles.set(handle.id, handle);
    return handle;
  }

  /** Another handle takes the number over; the old one is not closed. */
  replace<Kind extends OpenHandle>(id: number, make: (id: number) => Kind): Kind {
    const handle = make(id);
    this.#handles.set(id, handle);
    return handle;
  }

  get(id: number): OpenHandle | undefined {
    return this.#handles.get(id);
  }

  close(id: number): void {
    this.#handles.get(id)?.close();
    this.#handles.delete(id);
  }

  /** A request that belongs to no handle, such as the look-up of a name. */
  countAlive(change: number): void {
    this.#alive += change;
  }

  get isAlive(): boolean {
    return this.#alive > 0;
  }
}
