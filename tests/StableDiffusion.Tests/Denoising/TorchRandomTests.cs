using System.Text.Json;

namespace StableDiffusion.Tests;

public class TorchRandomTests
{
    private const float Tolerance = 1e-6f;

    /// <summary>Rows of randn.json: seed, number of elements, position in the file.</summary>
    public static TheoryData<long, int, int> Rows()
    {
        var rows = new TheoryData<long, int, int>();
        var position = 0;
        foreach (var row in Golden().EnumerateArray())
        {
            var count = row.GetProperty("shape").EnumerateArray().Aggregate(1, (product, side) => product * side.GetInt32());
            rows.Add(row.GetProperty("seed").GetInt64(), count, position++);
        }

        return rows;
    }

    [Theory]
    [MemberData(nameof(Rows))]
    public void Two_draws_in_a_row_equal_those_of_torch_randn(long seed, int count, int position)
    {
        var expected = Golden()[position];
        var random = new TorchRandom(seed);

        var first = Draw(random, count);
        AssertClose(Floats(expected, "first"), first[..Math.Min(count, Floats(expected, "first").Length)]);
        AssertClose(Floats(expected, "last"), first[^Floats(expected, "last").Length..]);
        Assert.Equal(expected.GetProperty("sum").GetDouble(), first.Sum(x => (double)x), count * 1e-7);
        Assert.Equal(expected.GetProperty("sum_squares").GetDouble(), first.Sum(x => (double)x * x), count * 2e-7);

        var second = Draw(random, count);
        AssertClose(Floats(expected, "second_draw_first"), second[..Floats(expected, "second_draw_first").Length]);
        Assert.Equal(expected.GetProperty("second_draw_sum").GetDouble(), second.Sum(x => (double)x), count * 1e-7);
    }

    [Fact]
    public void A_seed_counts_by_its_low_32_bits()
    {
        Assert.Equal(Draw(new TorchRandom(5), 64), Draw(new TorchRandom((1L << 32) + 5), 64));
        Assert.Equal(Draw(new TorchRandom(uint.MaxValue), 64), Draw(new TorchRandom(-1), 64));
    }

    [Fact]
    public void The_same_seed_gives_the_same_noise_and_another_seed_other_noise()
    {
        Assert.Equal(Draw(new TorchRandom(7), 100), Draw(new TorchRandom(7), 100));
        Assert.NotEqual(Draw(new TorchRandom(7), 100), Draw(new TorchRandom(8), 100));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(15)]
    [InlineData(16)]
    [InlineData(100)]
    public void Two_draws_from_one_stream_differ(int count)
    {
        var random = new TorchRandom(7);
        Assert.NotEqual(Draw(random, count), Draw(random, count));
    }

    [Fact]
    public void An_empty_draw_takes_nothing_from_the_stream()
    {
        var random = new TorchRandom(7);
        Draw(random, 0);
        Assert.Equal(Draw(new TorchRandom(7), 16), Draw(random, 16));
    }

    internal static float[] Draw(INoiseSource random, int count)
    {
        var noise = new float[count];
        random.Draw(noise);
        return noise;
    }

    internal static void AssertClose(float[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, Tolerance));
    }

    private static JsonElement Golden() => _golden.Value;

    private static readonly Lazy<JsonElement> _golden =
        new(() => JsonDocument.Parse(File.ReadAllBytes(Goldens.PathOf("randn.json"))).RootElement);

    private static float[] Floats(JsonElement row, string name) => [.. row.GetProperty(name).EnumerateArray().Select(x => x.GetSingle())];
}
