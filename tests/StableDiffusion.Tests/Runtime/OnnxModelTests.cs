using System.Runtime.InteropServices;

namespace StableDiffusion.Tests;

/// <summary>A network that is stopped while it runs.</summary>
public sealed class OnnxModelTests
{
    private const int Side = 512;
    private const int Products = 400;

    [Fact]
    public void A_call_of_the_network_ends_when_it_is_cancelled()
    {
        const int Calls = 20;
        using var model = OnnxModel.Open(Slow(), new OnnxRuntimeHost(ExecutionDevice.Cpu, threads: 1));
        using var input = model.InputBuffer("x", Side, Side);
        input.Upload();
        using var source = new CancellationTokenSource();

        // A thread of its own: a timer waits for one of the pool, which other tests keep busy.
        var canceller = new Thread(() =>
        {
            Thread.Sleep(100);
            source.Cancel();
        });
        canceller.Start();

        // One call is longer than that; where the machine is slow to cancel, one of the next. Without a stop inside the call none would end so.
        Assert.Throws<OperationCanceledException>(() =>
        {
            for (var call = 0; call < Calls; call++)
            {
                model.Run([input], ["y"], source.Token);
            }
        });
        canceller.Join();
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
