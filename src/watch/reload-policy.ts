/**
 * `overlap`: a new version of the app is ready before the old one leaves. `restart`: it starts when that is gone,
 * for apps that cannot live twice.
 */
export type ReplaceMode = 'overlap' | 'restart';

/** `none`: changes are only told. */
export type ReloadPolicy = ReplaceMode | 'none';
