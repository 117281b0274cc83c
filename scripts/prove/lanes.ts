/** Does the jobs in order, some at a time; the first failure is thrown once the others that run have ended. */
export async function inLanes<Job, Outcome>(
  lanes: number,
  jobs: readonly Job[],
  work: (job: Job) => Promise<Outcome>,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const left = jobs.entries();
  let failed = false;
  const lane = async () => {
    for (const [index, job] of left) {
      if (failed) return;
      try {
        outcomes[index] = await work(job);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: lanes }, lane));
  const broken = ends.find((end) => end.status === "rejected");
  if (broken !== undefined) throw broken.reason;
  return outcomes;
}
