using FsCheck;
using FsCheck.Fluent;

namespace StableDiffusion.Tests;

public class OnnxGraphDamageTests
{
    // weights cut out, so that damage hits what is parsed
    private static readonly byte[] _model = OnnxGraph.Load(TestModels.TextEncoder("sd1")).ToBytes();

    [Fact(Timeout = 300_000)]
    public Task A_model_cut_off_anywhere_is_read_or_refused() => Task.Run(() =>
    {
        var refused = Enumerable.Range(0, _model.Length / 97).Count(k => !Survives(_model.AsSpan(0, k * 97)));

        // the graph comes almost last, so at most a cut behind it leaves something to read
        Assert.InRange(refused, _model.Length / 97 - 1, _model.Length);
    });

    [Fact(Timeout = 300_000)]
    public Task A_model_with_bytes_changed_is_read_or_refused() => Task.Run(() =>
        Prop.ForAll(
            Gen.Choose(0, _model.Length - 1).Zip(Gen.Choose(0, 255)).NonEmptyListOf().ToArbitrary(),
            changes =>
            {
                var bytes = (byte[])_model.Clone();
                foreach (var (at, value) in changes)
                {
                    bytes[at] = (byte)value;
                }

                Survives(bytes);
            }).QuickCheckThrowOnFailure());

    [Fact(Timeout = 300_000)]
    public Task A_model_with_a_piece_repeated_or_missing_is_read_or_refused() => Task.Run(() =>
        Prop.ForAll(
            Gen.Choose(0, _model.Length).Two().ToArbitrary(),
            range =>
            {
                var (a, b) = (Math.Min(range.Item1, range.Item2), Math.Max(range.Item1, range.Item2));
                Survives([.. _model[..a], .. _model[b..]]);
                Survives([.. _model[..b], .. _model[a..]]);
            }).QuickCheckThrowOnFailure());

    // true if read; anything but a ModelException escapes and fails the test
    private static bool Survives(ReadOnlySpan<byte> bytes)
    {
        try
        {
            var graph = OnnxGraph.Parse(bytes);
            var index = new OnnxIndex(graph);
            foreach (var tensor in graph.Nodes.SelectMany(n => n.Reads))
            {
                index.Constant(tensor);
            }

            graph.Sort();
            graph.Prune();
            graph.ToBytes();
            ClipSkip.Apply(graph, 1);
            return true;
        }
        catch (Exception e) when (e is ModelException or RequestException)
        {
            return false;
        }
    }
}
