// Copies of what is kept, in a bucket: away from the machine that may be stolen or burn.
export * from './bucket.ts';
export * from './copier.ts';
export * from './kept-recordings.ts';
