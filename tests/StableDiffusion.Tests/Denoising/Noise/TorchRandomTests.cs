using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;

namespace StableDiffusion.Tests;

public class TorchRandomTests
{
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
        Assert.Equal(Floats(expected, "first"), first[..Floats(expected, "first").Length]);
        Assert.Equal(Floats(expected, "last"), first[^Floats(expected, "last").Length..]);
        Assert.Equal(expected.GetProperty("sum").GetDouble(), first.Sum(x => (double)x), 1e-9);
        Assert.Equal(expected.GetProperty("sum_squares").GetDouble(), first.Sum(x => (double)x * x), 1e-9);

        var second = Draw(random, count);
        Assert.Equal(Floats(expected, "second_draw_first"), second[..Floats(expected, "second_draw_first").Length]);
        Assert.Equal(expected.GetProperty("second_draw_sum").GetDouble(), second.Sum(x => (double)x), 1e-9);
    }

    [Fact]
    public void Half_a_pair_left_over_by_a_short_draw_waits_for_the_next_short_draw()
    {
        // g = torch.Generator('cpu').manual_seed(7); [torch.randn(n, generator=g).tolist()[-4:] for n in (3, 20, 2, 16, 1)]
        (int Count, float[] Last)[] draws =
        [
            (3, [-0.1467950940132141f, 0.7861412763595581f, 0.9468216300010681f]),
            (20, [-1.4012508392333984f, 1.2973358631134033f, 1.6409332752227783f, -1.056684136390686f]),
            (2, [-1.1143440008163452f, -0.4578188955783844f]),
            (16, [1.1450074911117554f, -0.38218432664871216f, -0.3552660346031189f, 0.7541925311088562f]),
            (1, [-0.7244732975959778f]),
        ];
        var random = new TorchRandom(7);
        Assert.All(draws, draw => AssertClose(draw.Last, Draw(random, draw.Count)[^draw.Last.Length..]));
    }

    [Theory]
    [InlineData(-1, 1.2197630405426025f, -0.3929794728755951f)]
    [InlineData(long.MinValue, 1.5409960746765137f, -0.293428897857666f)]
    [InlineData(long.MaxValue, 1.2197630405426025f, -0.3929794728755951f)]
    public void The_ends_of_the_seeds_range_are_seeds_too(long seed, float first, float second) =>
        AssertClose([first, second], Draw(new TorchRandom(seed), 2)); // torch.randn(2, generator=torch.Generator('cpu').manual_seed(seed))

    // torch.randn(2**20, generator=torch.Generator('cpu').manual_seed(42)).numpy().tobytes(), hashlib.sha256; PyTorch 1.13 with AVX2
    [Fact]
    public void A_million_values_are_those_of_torch_to_the_last_bit() => Assert.Equal(
        "bc00ca174f73a1aa37ed9a252b5ed12b4ae9410209515e6420c8e28a35489562",
        Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes(Draw(new TorchRandom(42), 1 << 20).AsSpan()))));

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
        Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, 1e-6f));
    }

    private static JsonElement Golden() => _golden.Value;

    private static readonly Lazy<JsonElement> _golden =
        new(() => JsonDocument.Parse(File.ReadAllBytes(Goldens.PathOf("randn.json"))).RootElement);

    private static float[] Floats(JsonElement row, string name) => [.. row.GetProperty(name).EnumerateArray().Select(x => x.GetSingle())];
}
