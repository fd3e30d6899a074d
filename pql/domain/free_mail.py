"""The domains of providers that give mail addresses to anybody: they say nothing of a company.

Well-known providers, not all; a project adds its own with `free_mail_domains` in config/icp.yml.
"""

FREE_MAIL_DOMAINS: frozenset[str] = frozenset(
    """
    012.net.il 126.com 139.com 163.com 189.cn 1und1.de 21cn.com a1.net abv.bg aim.com alice-dsl.net alice.de
    alice.it aliceadsl.fr aliyun.com aol.co.uk aol.com aol.de aol.fr aon.at arcor.de arnet.com.ar atlas.cz att.net
    azet.sk bbox.fr bell.net bellsouth.net bezeqint.net bigmir.net bigpond.com bigpond.net.au bk.ru bluewin.ch
    blueyonder.co.uk bol.com.br bredband.net broadpark.no bsnl.in btinternet.com btopenworld.com casema.nl
    cegetel.net centrum.cz centrum.sk charter.net chello.at chello.nl citromail.hu ciudad.com.ar club-internet.fr
    cogeco.ca comcast.net comhem.se consultant.com cox.net ctemplar.com daum.net dir.bg disroot.org docomo.ne.jp
    earthlink.net eastlink.ca elisanet.fi email.com email.cz email.de email.it engineer.com ewetel.net excite.com
    ezweb.ne.jp fastmail.com fastmail.fm fastwebnet.it fibertel.com.ar forthnet.gr foxmail.com free.fr freemail.hu
    freenet.de frontier.com gazeta.pl getmail.no globo.com globomail.com gmail.com gmx.at gmx.ch gmx.co.uk gmx.com
    gmx.de gmx.fr gmx.info gmx.net gmx.us googlemail.com hanmail.net hetnet.nl hey.com hispeed.ch home.nl
    hotmail.be hotmail.ca hotmail.ch hotmail.co.jp hotmail.co.nz hotmail.co.uk hotmail.com hotmail.com.ar
    hotmail.com.br hotmail.com.tr hotmail.de hotmail.dk hotmail.es hotmail.fi hotmail.fr hotmail.gr hotmail.it
    hotmail.nl hotmail.no hotmail.se hush.com hushmail.com i.softbank.jp i.ua icloud.com ig.com.br iinet.net.au
    inbox.com inbox.ru indiatimes.com inet.hr inode.at interia.eu interia.pl internet.ru internode.on.net
    inwind.it iol.it jubii.dk juno.com kabelmail.de keemail.me kolumbus.fi korea.com kpnmail.nl kpnplanet.nl
    laposte.net lavabit.com lenta.ru libero.it list.ru live.be live.ca live.cn live.co.uk live.com live.com.au
    live.com.mx live.com.pt live.de live.dk live.fr live.in live.it live.nl live.no live.se luukku.com lycos.com
    mac.com mail.bg mail.com mail.de mail.dk mail.pt mail.ru mailbox.org mailfence.com me.com meta.ua
    mindspring.com movistar.es msn.com mweb.co.za mynet.com nate.com naver.com net.hr netscape.net
    netvision.net.il netzero.net neuf.fr nifty.com ntlworld.com numericable.fr o2.co.uk o2.pl ofir.dk oi.com.br
    onet.eu onet.pl online.de online.no ono.com op.pl optonline.net optusnet.com.au orange.fr otenet.gr outlook.at
    outlook.be outlook.co.th outlook.com outlook.com.au outlook.com.br outlook.de outlook.dk outlook.es outlook.fr
    outlook.ie outlook.in outlook.it outlook.jp outlook.kr outlook.pt outlook.sa pacbell.net passport.com
    planet.nl pm.me poczta.fm poczta.onet.pl post.com post.cz poste.it posteo.de posteo.net posteo.org
    prodigy.net.mx proton.me protonmail.ch protonmail.com proximus.be qq.com quicknet.nl r7.com rambler.ru
    rediff.com rediffmail.com riseup.net roadrunner.com rocketmail.com rogers.com rr.com runbox.com sapo.pt
    sbcglobal.net scarlet.be seznam.cz sfr.fr shaw.ca sify.com sina.cn sina.com siol.net skiff.com sky.com
    skynet.be slingshot.co.nz softbank.ne.jp sohu.com speedy.com.ar spray.se startmail.com stofanet.dk sunrise.ch
    suomi24.fi sympatico.ca t-online.de t-online.hu talk21.com talktalk.net telefonica.net telenet.be teletu.it
    telia.com telkomsa.net telmex.com telus.net terra.com.br terra.es tin.it tiscali.co.uk tiscali.it tlen.pl
    tom.com tpg.com.au tut.by tuta.com tuta.io tutamail.com tutanota.com tutanota.de ukr.net unitybox.de
    uol.com.br upcmail.nl usa.com verizon.net videotron.ca vip.163.com vip.qq.com virgilio.it virgin.net
    virginmedia.com vodafone.de vodamail.co.za voila.fr volny.cz vsnl.com vtxmail.ch walla.co.il walla.com
    wanadoo.fr web.de webmail.co.za westnet.com.au windowslive.com windstream.net wo.cn wp.pl xs4all.nl xtra.co.nz
    ya.ru yahoo.ca yahoo.cn yahoo.co.id yahoo.co.in yahoo.co.jp yahoo.co.kr yahoo.co.nz yahoo.co.th yahoo.co.uk
    yahoo.co.za yahoo.com yahoo.com.ar yahoo.com.au yahoo.com.br yahoo.com.cn yahoo.com.hk yahoo.com.mx
    yahoo.com.my yahoo.com.ph yahoo.com.sg yahoo.com.tr yahoo.com.tw yahoo.com.vn yahoo.de yahoo.dk yahoo.es
    yahoo.fr yahoo.gr yahoo.ie yahoo.in yahoo.it yahoo.no yahoo.pl yahoo.ro yahoo.se yahoomail.com yandex.by
    yandex.com yandex.kz yandex.ru yandex.ua ybb.ne.jp yeah.net ymail.com ziggo.nl zipmail.com.br zoho.com
    zohomail.com zohomail.eu zohomail.in zoznam.sk
    """.split()
)
