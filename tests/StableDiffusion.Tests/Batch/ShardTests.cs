using StableDiffusion.Cli;

namespace StableDiffusion.Tests;

public sealed class ShardTests
{
    [Theory]
    [InlineData("2/4", "", 2, 4)]
    [InlineData("auto", "SLURM_ARRAY_TASK_ID=3 SLURM_ARRAY_TASK_MIN=0 SLURM_ARRAY_TASK_MAX=3 SLURM_ARRAY_TASK_COUNT=4", 4, 4)]
    [InlineData("auto", "SLURM_ARRAY_TASK_ID=20 SLURM_ARRAY_TASK_MIN=10 SLURM_ARRAY_TASK_MAX=40 SLURM_ARRAY_TASK_STEP=10 SLURM_ARRAY_TASK_COUNT=4", 2, 4)]
    [InlineData("auto/8", "SLURM_ARRAY_TASK_ID=5 SLURM_ARRAY_TASK_MIN=5 SLURM_ARRAY_TASK_MAX=5 SLURM_ARRAY_TASK_COUNT=1", 6, 8)]
    [InlineData("auto/8", "JOB_COMPLETION_INDEX=0", 1, 8)]
    [InlineData("auto", "SLURM_PROCID=1 SLURM_NTASKS=2", 2, 2)]
    public void A_shard_is_read_from_the_option_or_the_environment(string text, string environment, int number, int count) =>
        Assert.Equal(new Shard(number, count), Shard.Parse(text, Variables(environment)));

    [Theory]
    [InlineData("0/4", "")]
    [InlineData("5/4", "")]
    [InlineData("1", "")]
    [InlineData("1/x", "")]
    [InlineData("1/2/3", "")]
    [InlineData("auto/0", "JOB_COMPLETION_INDEX=0")]
    [InlineData("auto", "")]
    [InlineData("auto", "JOB_COMPLETION_INDEX=0")]
    [InlineData("auto/4", "JOB_COMPLETION_INDEX=4")]
    [InlineData("auto/4", "SLURM_ARRAY_TASK_ID=4")]
    [InlineData("auto", "SLURM_ARRAY_TASK_ID=7 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_MAX=9 SLURM_ARRAY_TASK_COUNT=3")]
    public void A_shard_that_does_not_tell_its_part_is_refused(string text, string environment) =>
        Assert.Throws<RequestException>(() => Shard.Parse(text, Variables(environment)));

    [Fact]
    public void Every_job_is_in_one_shard_and_the_shards_are_about_equal()
    {
        var table = new FieldTable(new ImageOptions());
        var lines = new BatchReader(new StringReader("apple --seed 0..999"), table).Lines();
        var jobs = new JobSource(table, new LineFields()).Jobs(lines).Select(entry => entry.Job!).ToList();

        var parts = Enumerable.Range(1, 4).Select(k => jobs.Where(new Shard(k, 4).Has).ToList()).ToList();

        Assert.Equal(jobs, parts.SelectMany(part => part).OrderBy(job => job.Index));

        // 250 expected; 5 standard deviations of the binomial distribution are 68.
        Assert.All(parts, part => Assert.InRange(part.Count, 182, 318));
    }

    /// <summary>
    /// A batch that goes on with another version of the program must find each machine's jobs where they were: by the id, a number in
    /// hexadecimal digits, modulo the count. Remainders by Python: <c>int("9f86d081884c7d65", 16) % 7</c> is 1.
    /// </summary>
    [Theory]
    [InlineData("0000000000000000", 7, 1)]
    [InlineData("9f86d081884c7d65", 7, 2)]
    [InlineData("ffffffffffffffff", 10, 6)]
    [InlineData("00000000000003e7", 4, 4)]
    public void Which_shard_an_id_is_in_never_changes(string id, int count, int number)
    {
        var line = new BatchReader(new StringReader("apple"), new FieldTable(new ImageOptions())).Lines();
        var job = new JobSource(new FieldTable(new ImageOptions()), new LineFields()).Jobs(line).Single().Job! with { Id = id };

        Assert.Equal([number], Enumerable.Range(1, count).Where(k => new Shard(k, count).Has(job)));
    }

    private static Func<string, string?> Variables(string text)
    {
        var variables = text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(one => one.Split('=')).ToDictionary(one => one[0], one => one[1]);
        return name => variables.GetValueOrDefault(name);
    }
}
