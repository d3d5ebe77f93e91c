using System.Diagnostics;
using System.Runtime.InteropServices;

namespace StableDiffusion.Tests;

/// <summary>A network that is stopped while it runs.</summary>
public sealed class OnnxModelTests
{
    private const int Side = 512;
    private const int Products = 400;

    [Fact]
    public void A_call_of_the_network_ends_soon_after_it_is_cancelled()
    {
        using var model = OnnxModel.Open(Slow(), new OnnxRuntimeHost(ExecutionDevice.Cpu, threads: 1));
        using var input = model.InputBuffer("x", Side, Side);
        input.Upload();
        var whole = Stopwatch.StartNew();
        model.Run([input], ["y"], CancellationToken.None);
        whole.Stop();

        using var source = new CancellationTokenSource(whole.Elapsed / 10);

        // Without a stop inside the call it would come back with its result.
        Assert.Throws<OperationCanceledException>(() => model.Run([input], ["y"], source.Token));
    }

    /// <summary>A graph that multiplies matrices for a second or so: y = x·w·w·…</summary>
    private static OnnxGraph Slow()
    {
        var graph = OnnxGraph.Load(TestModels.TextEncoder("sd1"));
        graph.Nodes.Clear();
        graph.Initializers.Clear();
        graph.Inputs.Clear();
        graph.Outputs.Clear();
        graph.ValueInfos.Clear();
        graph.Folder = "";
        graph.Inputs.Add(new OnnxValue("x", OnnxElementType.Float, 2));
        graph.Outputs.Add(new OnnxValue("y", OnnxElementType.Float, 2));
        var weights = new float[Side * Side];
        weights[0] = 1;
        graph.Initializers.Add(new OnnxInitializer("w", OnnxElementType.Float, [Side, Side], MemoryMarshal.AsBytes<float>(weights)));
        for (var i = 0; i < Products; i++)
        {
            graph.Nodes.Add(new OnnxNode("MatMul", [i == 0 ? "x" : $"t{i}", "w"], [i == Products - 1 ? "y" : $"t{i + 1}"]));
        }

        return graph;
    }
}
