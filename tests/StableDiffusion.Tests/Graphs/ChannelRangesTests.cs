using FsCheck;
using FsCheck.Fluent;

namespace StableDiffusion.Tests;

/// <summary>Ranges of channels, in 8 bits.</summary>
public sealed class ChannelRangesTests
{
    [Fact]
    public void Values_within_the_range_are_half_a_step_away_at_most_and_zero_is_a_level()
    {
        var ends = Gen.Elements(0f, 1e-3f, 0.3f, 1f, 7f, 50f);
        var channels = (from low in ends from high in ends select (Low: -low, High: high)).NonEmptyListOf();
        Prop.ForAll(channels.ToArbitrary(), all =>
        {
            var ranges = new ChannelRanges([.. all.Select(one => one.Low)], [.. all.Select(one => one.High)]);
            var (zero, own, widest) = (ranges.Zero, ranges.Steps, ranges.Widest);
            return all.Index().All(one => ((float[])[one.Item.Low, 0, one.Item.High / 3, one.Item.High]).All(value => Error(value, own[one.Index], zero) && Error(value, widest, zero)))
                && own.All(step => step > 0 && step <= widest);
        }).QuickCheckThrowOnFailure();

        // The level in the middle of which a value lies, cut to a byte.
        static bool Error(float value, float step, byte zero) =>
            Math.Abs(((Math.Clamp(Math.Round((double)value / step) + zero, 0, 255) - zero) * step) - value) <= 0.501 * step;
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void Every_weight_is_half_a_step_of_its_output_away_at_most(bool transposed, bool byInput)
    {
        const int outputs = 5, inputs = 7;
        var random = new Random(3);
        var weights = Enumerable.Range(0, outputs * inputs).Select(_ => (float)(random.NextDouble() - 0.5)).ToArray();
        Array.Clear(weights, transposed ? 0 : inputs, transposed ? 1 : inputs);

        var (packed, scales) = ChannelQuantization.Pack(weights, outputs, inputs, transposed, byInput);

        for (var output = 0; output < outputs; output++)
        {
            var all = Enumerable.Range(0, inputs).Select(input => weights[transposed ? (input * outputs) + output : (output * inputs) + input]).ToList();
            Assert.Equal(all.Max(MathF.Abs) is > 0 and var largest ? largest / 127 : 1, scales[output]);
            Assert.All(all.Index(), one => Assert.InRange(
                MathF.Abs(one.Item - (packed[byInput ? (one.Index * outputs) + output : (output * inputs) + one.Index] * scales[output])), 0, 0.501f * scales[output]));
        }
    }

    [Fact]
    public void A_tensor_that_is_zero_or_was_never_seen_has_steps_that_divide()
    {
        Assert.Equal([1f, 1f], new ChannelRanges([0, 0], [0, 0]).Steps);
        Assert.False(new ChannelRanges([float.PositiveInfinity], [float.NegativeInfinity]).IsKnown);
    }
}
