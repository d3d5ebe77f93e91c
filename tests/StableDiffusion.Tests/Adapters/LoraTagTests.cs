namespace StableDiffusion.Tests;

/// <summary>The webui's activate in extensions-builtin/Lora/extra_networks_lora.py: te, unet and dyn_dim in this order, or by name.</summary>
public sealed class LoraTagTests
{
    [Theory]
    [InlineData("<lora:foo>", 1, 1, null)]
    [InlineData("<lora:foo:0.5>", 0.5, 0.5, null)]
    [InlineData("<lora:foo:0.5:0.25>", 0.5, 0.25, null)]
    [InlineData("<lora:foo:0.5:0.25:64>", 0.5, 0.25, 64)]
    [InlineData("<lora:foo:1:dyn=64>", 1, 1, 64)]
    [InlineData("<lora:foo:te=0.5:unet=0.25:dyn=8>", 0.5, 0.25, 8)]
    [InlineData("<lora:foo:unet=0.25:0.5>", 0.5, 0.25, null)]
    [InlineData("<lora:foo:unet=0.25>", 1, 0.25, null)]
    [InlineData("<lyco:foo:0.5: 0.25>", 0.5, 0.25, null)]
    public void Values_are_the_text_encoder_s_the_network_s_and_the_rank_in_this_order_or_by_name(string tag, double text, double unet, int? rank)
    {
        var (rest, tags) = LoraTag.Extract($"a {tag} cat");

        Assert.Equal("a  cat", rest);
        Assert.Equal([new LoraTag("foo", unet, text, rank)], tags);
    }

    [Theory]
    [InlineData("<lora:foo:1:1:64:1>")]
    [InlineData("<lora:foo:1:1:0.5>")]
    [InlineData("<lora:foo:1:dyn=0>")]
    [InlineData("<lora:foo:1:dyn=-8>")]
    [InlineData("<lora:foo:1:hr=2>")]
    [InlineData("<lora:foo:>")]
    public void A_value_without_a_place_or_of_another_kind_is_refused_with_the_tag(string tag)
    {
        var message = Assert.Throws<RequestException>(() => LoraTag.Extract(tag)).Message;

        Assert.StartsWith($"{tag} in the prompt is not understood; write", message, StringComparison.Ordinal);
    }
}
