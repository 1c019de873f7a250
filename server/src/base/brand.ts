declare const brand: unique symbol

/** A value of T that only one function may make; see the `parse…` function of each brand. */
export type Brand<T, B extends string> = T & { readonly [brand]: B }
