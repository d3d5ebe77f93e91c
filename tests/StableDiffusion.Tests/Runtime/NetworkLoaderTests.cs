namespace StableDiffusion.Tests;

/// <summary>Edits to graphs before their sessions open.</summary>
public class NetworkLoaderTests
{
    private readonly ModelFolder _folder = ModelFolder.Open(Goldens.PathOf("models", "sd1"));

    private NetworkLoader Loader => new(_folder, new OnnxRuntimeHost(ExecutionDevice.Cpu, threads: 1));

    [Fact]
    public void Edits_are_made_in_order_to_the_parts_they_are_for()
    {
        var made = new List<string>();
        var loader = Loader.With([new Edit("first", "unet", made), new Edit("other", "vae_decoder", made), new Edit("second", "unet", made)]);

        using var model = loader.Open("unet", new Edit("last", "unet", made));

        Assert.Equal(["first", "second", "last"], made);
        Assert.Contains("last", model.Outputs.Keys);
    }

    [Fact]
    public void A_key_tells_the_edits_of_a_part()
    {
        var loader = Loader.With([new Edit("first", "unet", []), new Edit("other", "vae_decoder", [])]);

        Assert.Equal("unet: first", loader.KeyOf("unet"));
        Assert.Equal("", loader.KeyOf("text_encoder"));
    }

    [Fact]
    public void Networks_are_opened_again_only_where_their_edits_change()
    {
        var made = new List<string>();
        using var networks = new NetworkSet(_folder, Loader, NetworkUse.AllInTurn);
        var edit = new Edit("first", "unet", made);

        networks.Use([]);
        var (plain, conditioner) = (networks.Network, networks.Conditioner);
        networks.Use([edit]);
        var edited = networks.Network;
        networks.Use([new Edit("first", "unet", made)]);

        Assert.NotSame(plain, edited);
        Assert.Same(edited, networks.Network);
        Assert.Same(conditioner, networks.Conditioner);
        Assert.Equal(["first"], made);
    }

    /// <summary>Adds an output of the edit's own name.</summary>
    private sealed record Edit(string Key, string Part, List<string> Made) : IGraphEdit
    {
        public bool AppliesTo(string part) => part == Part;

        public void Apply(OnnxGraph graph)
        {
            Made.Add(Key);
            graph.Nodes.Add(new OnnxNode("Identity", [graph.Outputs[0].Name], [Key]));
            graph.AddOutput(Key);
        }
    }
}
