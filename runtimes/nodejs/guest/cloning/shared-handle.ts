/** An object of a binding that several owners may have: what it stands for does not change. */
export class SharedHandle {}
