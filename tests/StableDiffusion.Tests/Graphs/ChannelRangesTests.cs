using System.Runtime.InteropServices;
using FsCheck;
using FsCheck.Fluent;
using Microsoft.ML.OnnxRuntime;

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

    /// <summary>A convolution with a dead output: weights of 1e-9 beside a bias of 0.5, which has 3e10 steps of theirs.</summary>
    [Fact]
    public void An_output_with_next_to_no_weights_keeps_its_bias()
    {
        const int channels = EightBitConvolutionsEdit.FewestChannels;
        var weights = Enumerable.Repeat(0.01f, channels * channels).ToArray();
        Array.Fill(weights, 1e-9f, 0, channels);
        var bias = new float[channels];
        bias[0] = 0.5f;
        var graph = OnnxGraph.Parse([0x08, 8, 0x3A, 3, 0x12, 1, (byte)'g', 0x42, 2, 0x10, 17]); // an empty one of operator set 17
        graph.Inputs.Add(new OnnxValue("x", OnnxElementType.Float));
        graph.AddOutput("y", OnnxElementType.Float);
        graph.AddWeight("weight", OnnxElementType.Float, [channels, channels, 1, 1], MemoryMarshal.AsBytes<float>(weights));
        graph.AddWeight("bias", OnnxElementType.Float, [channels], MemoryMarshal.AsBytes<float>(bias));
        graph.Nodes.Add(new OnnxNode("Conv", ["x", "weight", "bias"], ["y"]));
        var one = new float[channels];
        Array.Fill(one, 1);
        var seen = new Dictionary<string, ChannelRanges> { ["x"] = new([.. one.Select(_ => 0f)], one), ["y"] = new([.. one.Select(_ => -1f)], one) };

        var edit = new EightBitConvolutionsEdit(seen);
        edit.Apply(graph);

        Assert.Equal(1, edit.Convolutions);
        using var session = TestSession.Open(graph);
        using var input = OrtValue.CreateTensorValueFromMemory(one, [1, channels, 1, 1]);
        var actual = TestSession.Run(session, new Dictionary<string, OrtValue> { ["x"] = input })["y"];
        Assert.InRange(actual[0], 0.5f - (1f / 127), 0.5f + (1f / 127));
        Assert.InRange(actual[1], 0.32f - (1f / 127), 0.32f + (1f / 127));
    }

    [Fact]
    public void A_tensor_that_is_zero_or_was_never_seen_has_steps_that_divide()
    {
        Assert.Equal([1f, 1f], new ChannelRanges([0, 0], [0, 0]).Steps);
        Assert.False(new ChannelRanges([float.PositiveInfinity], [float.NegativeInfinity]).IsKnown);
    }
}
